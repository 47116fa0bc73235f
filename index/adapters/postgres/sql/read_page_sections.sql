-- The digests of a page's sections in reading order.
SELECT digest FROM {section} WHERE source_id = %(source_id)s AND path = %(path)s ORDER BY ordinal;
