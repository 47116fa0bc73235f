-- How many commits, at most two, that the published state holds begin so, by source; a source that is not there is left
-- out. A kind may stand before the id of a commit, as in folder:0a1b… A whole id is found without a scan.
SELECT source.name, count(known.commit)
  FROM unnest(%(sources)s::text[], %(commits)s::text[]) AS wanted (source, commit)
  JOIN source ON source.name = wanted.source
  LEFT JOIN covers whole ON whole.source_id = source.source_id AND whole.commit = wanted.commit
  LEFT JOIN LATERAL (
       SELECT whole.commit WHERE whole.commit IS NOT NULL
       UNION ALL
       (SELECT short.commit FROM covers short
         WHERE whole.commit IS NULL AND short.source_id = source.source_id
           AND starts_with(substr(short.commit, strpos(short.commit, ':') + 1), wanted.commit)
         LIMIT 2)
  ) AS known ON true
 GROUP BY source.name;
