-- Keep a record that is no event, once.
INSERT INTO undecodable (topic, partition, "offset", key, head, reason)
VALUES (%(topic)s, %(partition)s, %(offset)s, %(key)s, %(head)s, %(reason)s)
ON CONFLICT DO NOTHING;
