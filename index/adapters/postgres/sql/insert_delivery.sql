-- Store one webhook delivery. Returns: one row, or none when it was there before.
INSERT INTO delivery (source, delivery_id, event, ref, after)
VALUES (%(source)s, %(delivery_id)s, %(event)s, %(ref)s, %(after)s)
ON CONFLICT (source, delivery_id) DO NOTHING
RETURNING delivery_id;
