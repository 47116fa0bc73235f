-- Every section of one source, by path and place.
SELECT path, heading_path, anchor FROM {section} WHERE source_id = %(source_id)s ORDER BY path, ordinal;
