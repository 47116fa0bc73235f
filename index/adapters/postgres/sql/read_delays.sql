-- How long changes took in the last week, in seconds: from detection, and from the last sight of the old state, until
-- searchable. What was published before the generation was made reached it by being built, and does not count.
-- Returns: a row per source with median and 95th percentile of each; nulls where nothing changed.
SELECT source.name,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.indexed_at - pub.detected_at)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM p.indexed_at - pub.detected_at)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.indexed_at - pub.old_seen_at)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM p.indexed_at - pub.old_seen_at))
  FROM page_state p
  JOIN publication pub USING (source_id, path, revision)
  JOIN source USING (source_id)
  JOIN generation ON generation.generation = p.generation AND generation.created_at <= pub.published_at
 WHERE p.generation = %(generation)s AND p.indexed_at > now() - interval '7 days'
 GROUP BY source.name;
