-- How many pages of a source were added, changed, moved, deleted after a revision and up to another; a move's old
-- page not counted.
SELECT count(*) FILTER (WHERE kind = 'changed' AND moved_from IS NULL AND NOT is_known),
       count(*) FILTER (WHERE kind = 'changed' AND moved_from IS NULL AND is_known),
       count(*) FILTER (WHERE kind = 'changed' AND moved_from IS NOT NULL),
       count(*) FILTER (WHERE kind = 'deleted' AND moved_to IS NULL)
  FROM (SELECT DISTINCT ON (p.path) p.kind, p.moved_from, p.moved_to,
               coalesce((SELECT older.kind <> 'deleted' FROM publication older
                          WHERE older.source_id = p.source_id AND older.path = p.path
                            AND older.revision <= %(revision)s ORDER BY older.revision DESC LIMIT 1), false) AS is_known
          FROM publication p JOIN source USING (source_id)
         WHERE source.name = %(source)s AND p.revision > %(revision)s AND p.revision <= %(up_to)s
         ORDER BY p.path, p.revision DESC) AS newest;
