-- Forget what the looked-at pages were made of.
DELETE FROM depends WHERE source_id = %(source_id)s AND path = ANY(%(looked_at)s::text[]);
