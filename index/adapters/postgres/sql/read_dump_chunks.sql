-- Every chunk of one source, by path and place.
SELECT path, section, text, text_hash FROM {chunk} WHERE source_id = %(source_id)s ORDER BY path, ordinal;
