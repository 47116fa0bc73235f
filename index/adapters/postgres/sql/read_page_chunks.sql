-- A page's chunks in reading order, their text left out.
SELECT section, text_hash, shown FROM {chunk} WHERE source_id = %(source_id)s AND path = %(path)s ORDER BY ordinal;
