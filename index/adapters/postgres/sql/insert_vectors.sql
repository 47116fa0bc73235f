-- Add vectors; a text that has one keeps it. The hashes come sorted, so that two writers cannot deadlock.
INSERT INTO {vector} (text_hash, embedding)
SELECT * FROM unnest(%(hashes)b::bytea[], %(vectors)b::vector[])
ON CONFLICT (text_hash) DO NOTHING;
