-- Pages whose newest publication (at or below up_to, if given) some receiving generation has neither applied nor
-- parked, by path. Only what is newer than the published revision is looked at, unless everything is asked for.
WITH src AS (
    SELECT source_id, CASE WHEN %(everything)s THEN 0 ELSE published_revision END AS since
      FROM source WHERE name = %(source)s
), newest AS (
    SELECT DISTINCT ON (path) source_id, path, publication.revision
      FROM publication JOIN src USING (source_id)
     WHERE publication.revision > src.since
       AND (%(up_to)s::bigint IS NULL OR publication.revision <= %(up_to)s::bigint)
     ORDER BY path, publication.revision DESC
)
SELECT DISTINCT newest.path, newest.revision
  FROM newest CROSS JOIN generation
  LEFT JOIN page_state ON page_state.generation = generation.generation
        AND page_state.source_id = newest.source_id AND page_state.path = newest.path
 WHERE generation.state <> 'retired'
   AND coalesce(page_state.revision, 0) < newest.revision
   AND NOT EXISTS (SELECT FROM parked
                    WHERE parked.source_id = newest.source_id AND parked.path = newest.path
                      AND parked.generation IN (0, generation.generation) AND parked.revision >= newest.revision)
 ORDER BY newest.path;
