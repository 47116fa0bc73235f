-- Forget the commits that the state to be published does not hold any more; null stands for all of them.
DELETE FROM covers
 WHERE source_id = %(source_id)s
   AND (%(lost)s::text[] IS NULL OR commit = ANY(%(lost)s::text[]));
