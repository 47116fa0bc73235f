-- The approximate index of a generation's vectors; built once, kept by every later insert.
CREATE INDEX IF NOT EXISTS {vector_index} ON {vector} USING hnsw (embedding vector_cosine_ops);
