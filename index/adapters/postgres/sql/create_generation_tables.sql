-- Make the tables of one generation, without the HNSW index: a first load is faster with it built at the end.
CREATE TABLE {vector} (
    text_hash bytea PRIMARY KEY,
    embedding vector({dim}) NOT NULL
);
ALTER TABLE {vector} ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE TABLE {orphan} (
    text_hash bytea PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
CREATE TABLE {section} (
    section_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id int NOT NULL,
    path text NOT NULL COLLATE "C",
    ordinal int NOT NULL,
    digest bytea NOT NULL,
    heading text NOT NULL,
    heading_path text[] NOT NULL,
    anchor text NOT NULL,
    UNIQUE (source_id, path, ordinal) DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE {chunk} (
    source_id int NOT NULL,
    path text NOT NULL COLLATE "C",
    ordinal int NOT NULL,
    section int NOT NULL,
    text text NOT NULL,
    text_hash bytea NOT NULL REFERENCES {vector},
    shown bytea NOT NULL,
    PRIMARY KEY (source_id, path, ordinal)
);
CREATE INDEX ON {chunk} (text_hash);
CREATE TABLE {term} (
    term text NOT NULL COLLATE "C",
    source_id int NOT NULL,
    section_id bigint NOT NULL,
    piece smallint NOT NULL,
    title smallint NOT NULL,
    heading smallint NOT NULL,
    path smallint NOT NULL,
    body smallint NOT NULL,
    length int NOT NULL
);
CREATE INDEX ON {term} (term, source_id) INCLUDE (section_id, piece, title, heading, path, body, length);
CREATE INDEX ON {term} (section_id);
