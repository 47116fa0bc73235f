-- Remove one batch of vectors that have been without a chunk for the grace period. Returns: their hashes.
-- A writer that starts to use one meanwhile makes this fail on the foreign key: then the batch is left for later.
WITH old AS (
    SELECT text_hash FROM {orphan} WHERE seen_at < now() - %(grace)s::interval ORDER BY text_hash LIMIT %(batch)s
), gone AS (
    DELETE FROM {vector} v USING old
     WHERE v.text_hash = old.text_hash AND NOT EXISTS (SELECT FROM {chunk} c WHERE c.text_hash = v.text_hash)
)
DELETE FROM {orphan} o USING old WHERE o.text_hash = old.text_hash RETURNING o.text_hash;
