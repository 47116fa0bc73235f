-- What one generation holds of pages: revision, tombstone, the digests of the sections in reading order, and of each
-- chunk in reading order its section, its text's hash and a digest of what is shown.
-- Returns: one row for each page that was ever applied.
SELECT name, state.path, state.revision, is_deleted,
       ARRAY(SELECT digest FROM {section} AS s
              WHERE s.source_id = state.source_id AND s.path = state.path ORDER BY s.ordinal),
       sections, hashes, shown
  FROM unnest(%(sources)s, %(paths)s) AS asked (source, path)
  JOIN source ON name = asked.source
  JOIN LATERAL (
       SELECT source_id, path, revision, is_deleted FROM page_state
        WHERE generation = %(generation)s AND page_state.source_id = source.source_id AND page_state.path = asked.path
       OFFSET 0 -- page by page: a plan kept since the table was small would read all of it
  ) AS state ON true
  JOIN LATERAL (
       SELECT array_agg(section ORDER BY ordinal) AS sections, array_agg(text_hash ORDER BY ordinal) AS hashes,
              array_agg(c.shown ORDER BY ordinal) AS shown
         FROM {chunk} AS c WHERE c.source_id = state.source_id AND c.path = state.path
  ) AS held ON true;
