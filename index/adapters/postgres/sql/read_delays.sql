-- How long changes took in the last week, in seconds: from detection, and from the last sight of the old state, until
-- searchable in the generation that answered then. What a generation had when it was promoted reached it by being
-- built; the one that answered before it tells of that time as long as it is kept.
-- Returns: a row per source with median and 95th percentile of each; nulls where nothing changed.
WITH live AS (
    SELECT generation, promoted_at FROM generation WHERE generation = %(generation)s
), told AS (
    SELECT p.source_id, p.indexed_at - pub.detected_at AS processing, p.indexed_at - pub.old_seen_at AS freshness
      FROM live
      JOIN generation g ON g.generation = live.generation OR g.state = 'kept' AND g.promoted_at < live.promoted_at
      JOIN page_state p ON p.generation = g.generation
      JOIN publication pub USING (source_id, path, revision)
     WHERE p.indexed_at > now() - interval '7 days' AND pub.published_at >= g.promoted_at
       AND (g.generation = live.generation OR pub.published_at < live.promoted_at)
)
SELECT source.name,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM told.processing)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM told.processing)),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM told.freshness)),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM told.freshness))
  FROM told JOIN source USING (source_id)
 GROUP BY source.name;
