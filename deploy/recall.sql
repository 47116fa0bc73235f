-- How much of what is nearest the vector index finds: psql -v generation=1 -f deploy/recall.sql
SELECT extversion AS pgvector FROM pg_extension WHERE extname = 'vector';
CREATE TEMP TABLE probe AS
  SELECT text_hash AS probe, embedding FROM vector_g:generation ORDER BY random() LIMIT 50;
SET hnsw.ef_search = 100;
SET enable_seqscan = off;
CREATE TEMP TABLE found AS
  SELECT probe, near.text_hash FROM probe CROSS JOIN LATERAL (
    SELECT text_hash FROM vector_g:generation AS v ORDER BY v.embedding <=> probe.embedding LIMIT 10) AS near;
SET enable_seqscan = on;
SET enable_indexscan = off;
CREATE TEMP TABLE nearest AS
  SELECT probe, near.text_hash FROM probe CROSS JOIN LATERAL (
    SELECT text_hash FROM vector_g:generation AS v ORDER BY v.embedding <=> probe.embedding LIMIT 10) AS near;
SELECT round((SELECT count(*) FROM nearest JOIN found USING (probe, text_hash))::numeric / count(*), 3) AS recall FROM nearest;
