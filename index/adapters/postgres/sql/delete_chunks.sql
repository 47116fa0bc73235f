-- Remove a page's chunks from an ordinal on.
DELETE FROM {chunk} WHERE source_id = %(source_id)s AND path = %(path)s AND ordinal >= %(first)s;
