-- Remove all chunks of a page.
DELETE FROM {chunk} WHERE source_id = %(source_id)s AND path = %(path)s;
