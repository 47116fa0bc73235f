-- How many vectors no chunk points at.
SELECT count(*) FROM {vector} v WHERE NOT EXISTS (SELECT FROM {chunk} c WHERE c.text_hash = v.text_hash);
