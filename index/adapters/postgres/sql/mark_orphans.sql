-- Note since when a vector has been without a chunk.
INSERT INTO {orphan} (text_hash, seen_at)
SELECT v.text_hash, now() FROM {vector} v
 WHERE NOT EXISTS (SELECT FROM {chunk} c WHERE c.text_hash = v.text_hash)
 ORDER BY v.text_hash
ON CONFLICT (text_hash) DO NOTHING;
