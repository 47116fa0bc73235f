-- Both rankings of one generation and all their texts: the nearest chunks, and the best chunks by BM25.
-- Returns: a row per chunk in no particular order. Reads only; run it in a snapshot.
-- %(vector)s null leaves the vector leg out; {source_ids} null means every source, {within} null every path, else a
-- regular expression. The HNSW index finds few of what a narrow filter leaves, or stops before it has enough: when at
-- most {few} chunks are left, these are compared one by one (each looked up by itself: no join may scan a table).
WITH totals AS (
    SELECT coalesce(sum(chunks), 0)::float8 AS chunks,
           greatest(coalesce(sum(total_length)::float8 / nullif(sum(chunks), 0), 1), 1) AS mean_length
      FROM lexical_source
     WHERE generation = %(generation)s AND ({source_ids}::int[] IS NULL OR source_id = ANY({source_ids}::int[]))
), narrow AS MATERIALIZED (
    SELECT {within}::text IS NOT NULL
           OR ({source_ids}::int[] IS NOT NULL AND totals.chunks <= {few}) AS is_so
      FROM totals
), inside AS MATERIALIZED (
    SELECT source_id, path
      FROM page_state
     WHERE generation = %(generation)s AND NOT is_deleted
       AND ({source_ids}::int[] IS NULL OR source_id = ANY({source_ids}::int[]))
       AND ({within}::text IS NULL OR path ~ {within}::text)
), left_over AS MATERIALIZED (
    SELECT inside.source_id, inside.path, c.ordinal, c.section, c.text_hash
      FROM inside CROSS JOIN LATERAL (
           SELECT ordinal, section, text_hash FROM {chunk}
            WHERE source_id = inside.source_id AND path = inside.path OFFSET 0
      ) AS c
     WHERE (SELECT is_so FROM narrow)
     LIMIT {few} + 1
), size AS MATERIALIZED (
    SELECT (SELECT is_so FROM narrow) AND count(*) <= {few} AS is_few FROM left_over
), holding AS (
    SELECT term, sum(chunks)::float8 AS chunks
      FROM lexical_term
     WHERE generation = %(generation)s AND term = ANY(%(terms)s::text[])
       AND ({source_ids}::int[] IS NULL OR source_id = ANY({source_ids}::int[]))
     GROUP BY term
), asked AS MATERIALIZED (
    SELECT term, coalesce(holding.chunks, 1) AS chunks,
           ln(1 + (greatest(totals.chunks, coalesce(holding.chunks, 1)) - coalesce(holding.chunks, 1) + 0.5)
                        / (coalesce(holding.chunks, 1) + 0.5)) AS weight
      FROM unnest(%(terms)s::text[]) AS question (term) LEFT JOIN holding USING (term) CROSS JOIN totals
), telling AS MATERIALIZED (
    -- The rarest terms, as many as have {most_postings} places together: in a large index the common ones stand in
    -- most chunks and tell little. They count for what the others found, below. Of some pages all terms are read.
    SELECT term, weight
      FROM (SELECT term, weight, sum(chunks) OVER (ORDER BY chunks, term) AS places,
                   row_number() OVER (ORDER BY chunks, term) AS place FROM asked) AS ordered
     WHERE places <= {most_postings} OR place = 1 OR {within}::text IS NOT NULL
), cut AS MATERIALIZED (
    SELECT (SELECT count(*) FROM telling) < (SELECT count(*) FROM asked) AS is_cut
), counted AS (
    SELECT t.section_id, t.piece, telling.weight,
           %(title)s * t.title + %(heading)s * t.heading + %(path_weight)s * t.path
             + %(body)s * t.body / (1 - %(b)s + %(b)s * t.length / totals.mean_length) AS count
      FROM telling CROSS JOIN totals JOIN {term} t ON t.term = telling.term
     WHERE ({source_ids}::int[] IS NULL OR t.source_id = ANY({source_ids}::int[]))
       AND ({within}::text IS NULL
            OR t.section_id IN (SELECT s.section_id FROM {section} s JOIN inside USING (source_id, path)))
), told AS MATERIALIZED (
    SELECT section_id, piece, sum(weight * count * (%(k1)s + 1) / (count + %(k1)s)) AS score
      FROM counted GROUP BY section_id, piece
), likely AS MATERIALIZED (
    SELECT section_id, piece, score FROM told ORDER BY score DESC, section_id, piece
     LIMIT {limit} * CASE WHEN (SELECT is_cut FROM cut) THEN 2 ELSE 1 END
), nearest AS MATERIALIZED (
    SELECT c.source_id, c.path, c.ordinal, c.section
      FROM {vector} v JOIN {chunk} c USING (text_hash)
     WHERE %(vector)s::vector IS NOT NULL AND NOT (SELECT is_few FROM size)
       AND ({source_ids}::int[] IS NULL OR c.source_id = ANY({source_ids}::int[]))
       AND ({within}::text IS NULL OR (c.source_id, c.path) IN (SELECT source_id, path FROM inside))
     ORDER BY v.embedding <=> %(vector)s::vector
     LIMIT {limit}
), compared AS MATERIALIZED (
    SELECT c.source_id, c.path, c.ordinal, c.section
      FROM left_over c
     WHERE %(vector)s::vector IS NOT NULL AND (SELECT is_few FROM size)
     ORDER BY (SELECT v.embedding <=> %(vector)s::vector FROM {vector} v WHERE v.text_hash = c.text_hash),
              c.source_id, c.path, c.ordinal
     LIMIT {limit}
), dense AS (
    SELECT source_id, path, ordinal, section FROM nearest
    UNION ALL
    SELECT source_id, path, ordinal, section FROM compared
), looked_at AS MATERIALIZED (
    SELECT section_id FROM likely
    UNION
    SELECT s.section_id
      FROM dense CROSS JOIN LATERAL (
           SELECT section_id FROM {section}
            WHERE source_id = dense.source_id AND path = dense.path AND ordinal = dense.section OFFSET 0
      ) AS s
), lexical AS MATERIALIZED (
    SELECT section_id, piece, score FROM told
     WHERE NOT (SELECT is_cut FROM cut) AND section_id IN (SELECT section_id FROM looked_at)
    UNION ALL
    SELECT section_id, piece, sum(weight * count * (%(k1)s + 1) / (count + %(k1)s)) AS score
      FROM (SELECT t.section_id, t.piece, asked.weight,
                   %(title)s * t.title + %(heading)s * t.heading + %(path_weight)s * t.path
                     + %(body)s * t.body / (1 - %(b)s + %(b)s * t.length / totals.mean_length) AS count
              FROM looked_at CROSS JOIN totals CROSS JOIN LATERAL (
                   SELECT term, section_id, piece, title, heading, path, body, length
                     FROM {term} WHERE section_id = looked_at.section_id OFFSET 0
              ) AS t JOIN asked ON asked.term = t.term
             WHERE (SELECT is_cut FROM cut)) AS held
     GROUP BY section_id, piece
), best AS MATERIALIZED (
    SELECT section_id, piece FROM likely JOIN lexical USING (section_id, piece)
     ORDER BY lexical.score DESC, section_id, piece LIMIT {limit}
), placed AS MATERIALIZED (
    SELECT s.section_id, s.heading_path, s.anchor, c.*,
           row_number() OVER (PARTITION BY s.section_id ORDER BY c.ordinal) - 1 AS piece
      FROM looked_at CROSS JOIN LATERAL (
           SELECT section_id, source_id, path, ordinal, heading_path, anchor
             FROM {section} WHERE section_id = looked_at.section_id OFFSET 0
      ) AS s CROSS JOIN LATERAL (
           SELECT source_id, path, ordinal, section, text, text_hash
             FROM {chunk} WHERE source_id = s.source_id AND path = s.path AND section = s.ordinal OFFSET 0
      ) AS c
)
SELECT source.name, c.path, c.ordinal, c.section, p.url, p.title, c.heading_path, c.anchor, c.text, p.commit,
       p.revision,
       CASE WHEN %(vector)s::vector IS NULL THEN 0
            ELSE 1 - (SELECT v.embedding <=> %(vector)s::vector FROM {vector} v WHERE v.text_hash = c.text_hash)
        END AS cosine,
       coalesce(lexical.score, 0) AS lexical,
       p.committed_at
  FROM placed c
  JOIN source ON source.source_id = c.source_id
  CROSS JOIN LATERAL (
       SELECT url, title, commit, committed_at, revision FROM page_state
        WHERE generation = %(generation)s AND source_id = c.source_id AND path = c.path OFFSET 0
  ) AS p
  LEFT JOIN lexical USING (section_id, piece)
 WHERE (c.section_id, c.piece) IN (SELECT section_id, piece FROM best)
    OR (c.source_id, c.path, c.ordinal) IN (SELECT source_id, path, ordinal FROM dense);
