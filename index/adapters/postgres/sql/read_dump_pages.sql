-- The live pages of one source in one generation, by path.
SELECT p.path, p.url, p.title, p.revision FROM page_state p
 WHERE p.generation = %(generation)s AND p.source_id = %(source_id)s AND NOT p.is_deleted ORDER BY p.path;
