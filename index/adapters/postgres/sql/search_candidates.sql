-- Both rankings of one generation and all their texts: the nearest chunks, and the best chunks by BM25.
-- Returns: a row per chunk in no particular order, with the texts of its section before and after it. Reads only; run it in a snapshot.
-- %(vector)s null leaves the vector leg out; %(source_ids)s null means every source.
WITH totals AS (
    SELECT coalesce(sum(chunks), 0)::float8 AS chunks,
           greatest(coalesce(sum(total_length)::float8 / nullif(sum(chunks), 0), 1), 1) AS mean_length
      FROM lexical_source
     WHERE generation = %(generation)s AND (%(source_ids)s::int[] IS NULL OR source_id = ANY(%(source_ids)s::int[]))
), holding AS (
    SELECT term, sum(chunks)::float8 AS chunks
      FROM lexical_term
     WHERE generation = %(generation)s AND term = ANY(%(terms)s::text[])
       AND (%(source_ids)s::int[] IS NULL OR source_id = ANY(%(source_ids)s::int[]))
     GROUP BY term
), asked AS MATERIALIZED (
    SELECT term, ln(1 + (greatest(totals.chunks, coalesce(holding.chunks, 1)) - coalesce(holding.chunks, 1) + 0.5)
                        / (coalesce(holding.chunks, 1) + 0.5)) AS weight
      FROM unnest(%(terms)s::text[]) AS question (term) LEFT JOIN holding USING (term) CROSS JOIN totals
), counted AS (
    SELECT t.section_id, t.piece, asked.weight,
           %(title)s * t.title + %(heading)s * t.heading + %(path_weight)s * t.path
             + %(body)s * t.body / (1 - %(b)s + %(b)s * t.length / totals.mean_length) AS count
      FROM asked CROSS JOIN totals JOIN {term} t ON t.term = asked.term
     WHERE %(source_ids)s::int[] IS NULL OR t.source_id = ANY(%(source_ids)s::int[])
), lexical AS MATERIALIZED (
    SELECT section_id, piece, sum(weight * count * (%(k1)s + 1) / (count + %(k1)s)) AS score
      FROM counted GROUP BY section_id, piece
), best AS MATERIALIZED (
    SELECT section_id, piece FROM lexical ORDER BY score DESC, section_id, piece LIMIT %(limit)s
), dense AS MATERIALIZED (
    SELECT c.source_id, c.path, c.ordinal
      FROM {vector} v JOIN {chunk} c USING (text_hash)
     WHERE %(vector)s::vector IS NOT NULL
       AND (%(source_ids)s::int[] IS NULL OR c.source_id = ANY(%(source_ids)s::int[]))
     ORDER BY v.embedding <=> %(vector)s::vector
     LIMIT %(limit)s
), looked_at AS (
    SELECT section_id FROM best
    UNION
    SELECT s.section_id FROM dense JOIN {chunk} c USING (source_id, path, ordinal)
      JOIN {section} s ON s.source_id = c.source_id AND s.path = c.path AND s.ordinal = c.section
), placed AS MATERIALIZED (
    SELECT s.section_id, s.heading_path, s.anchor, c.*,
           row_number() OVER (PARTITION BY s.section_id ORDER BY c.ordinal) - 1 AS piece
      FROM looked_at JOIN {section} s USING (section_id)
      JOIN {chunk} c ON c.source_id = s.source_id AND c.path = s.path AND c.section = s.ordinal
), found AS (
    SELECT source_id, path, ordinal FROM dense
    UNION
    SELECT source_id, path, ordinal FROM best JOIN placed USING (section_id, piece)
)
SELECT source.name, c.path, c.ordinal, c.section, p.url, p.title, c.heading_path, c.anchor, c.text, p.commit,
       CASE WHEN %(vector)s::vector IS NULL THEN 0 ELSE 1 - (v.embedding <=> %(vector)s::vector) END AS cosine,
       coalesce(lexical.score, 0) AS lexical,
       ARRAY(SELECT near.text FROM {chunk} near
              WHERE near.source_id = c.source_id AND near.path = c.path AND near.section = c.section
                AND near.ordinal BETWEEN c.ordinal - %(around)s AND c.ordinal - 1 ORDER BY near.ordinal) AS before,
       ARRAY(SELECT near.text FROM {chunk} near
              WHERE near.source_id = c.source_id AND near.path = c.path AND near.section = c.section
                AND near.ordinal BETWEEN c.ordinal + 1 AND c.ordinal + %(around)s ORDER BY near.ordinal) AS after,
       p.committed_at
  FROM found
  JOIN placed c USING (source_id, path, ordinal)
  JOIN {vector} v ON v.text_hash = c.text_hash
  JOIN page_state p ON p.generation = %(generation)s AND p.source_id = c.source_id AND p.path = c.path
  JOIN source ON source.source_id = c.source_id
  LEFT JOIN lexical ON lexical.section_id = c.section_id AND lexical.piece = c.piece;
