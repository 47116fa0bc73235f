-- The vectors of the given texts.
SELECT text_hash, embedding FROM {vector} WHERE text_hash = ANY(%(hashes)s::bytea[]) ORDER BY text_hash;
