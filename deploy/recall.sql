-- How much of what is nearest the vector index finds: psql -v generation=1 -f deploy/recall.sql
-- What is exactly as far away as the tenth nearest counts as found: which of several such is told first is chance.
SELECT extversion AS pgvector FROM pg_extension WHERE extname = 'vector';
CREATE TEMP TABLE probe AS
  SELECT text_hash AS probe, embedding FROM vector_g:generation ORDER BY random() LIMIT 50;
SET hnsw.ef_search = 200;
SET enable_seqscan = off;
CREATE TEMP TABLE found AS
  SELECT probe, near.away FROM probe CROSS JOIN LATERAL (
    SELECT v.embedding <=> probe.embedding AS away FROM vector_g:generation AS v
     ORDER BY v.embedding <=> probe.embedding LIMIT 10) AS near;
SET enable_seqscan = on;
SET enable_indexscan = off;
CREATE TEMP TABLE nearest AS
  SELECT probe, max(near.away) AS tenth, count(*) AS hits FROM probe CROSS JOIN LATERAL (
    SELECT v.embedding <=> probe.embedding AS away FROM vector_g:generation AS v
     ORDER BY v.embedding <=> probe.embedding LIMIT 10) AS near GROUP BY probe;
SELECT round((SELECT count(*) FROM found JOIN nearest USING (probe) WHERE away <= tenth + 1e-6)::numeric
  / sum(hits), 3) AS recall FROM nearest;
