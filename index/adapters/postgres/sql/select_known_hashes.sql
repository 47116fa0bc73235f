-- Those of the given hashes that have a vector.
SELECT text_hash FROM {vector} WHERE text_hash = ANY(%(hashes)s::bytea[]);
