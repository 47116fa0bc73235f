-- The approximate index of a generation's vectors, built while writers go on; outside of any transaction.
CREATE INDEX CONCURRENTLY IF NOT EXISTS {vector_index} ON {vector} USING hnsw (embedding vector_cosine_ops);
