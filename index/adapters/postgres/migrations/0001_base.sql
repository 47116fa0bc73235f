-- The tables that belong to no single generation, and those that hold every generation under a key column.
CREATE EXTENSION IF NOT EXISTS vector;

CREATE TABLE source (
    source_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    revision bigint NOT NULL DEFAULT 0,
    published_revision bigint NOT NULL DEFAULT 0,
    published_commit text,
    committed_at timestamptz,
    published_at timestamptz,
    config_hash text NOT NULL DEFAULT '',
    checked_at timestamptz,
    lease_owner text,
    lease_until timestamptz
);

CREATE TABLE delivery (
    source text NOT NULL,
    delivery_id text NOT NULL,
    event text NOT NULL,
    ref text,
    after text,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, delivery_id)
);
CREATE INDEX delivery_by_time ON delivery (source, received_at);

CREATE TABLE attempt (
    source_id int NOT NULL REFERENCES source,
    revision bigint NOT NULL,
    commit text NOT NULL,
    config_hash text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (source_id, revision)
);

-- The ledger: appended before an event is sent, never updated.
CREATE TABLE publication (
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    revision bigint NOT NULL,
    kind text NOT NULL CHECK (kind IN ('changed', 'deleted', 'parked')),
    fingerprint text NOT NULL,
    blob text NOT NULL,
    url text NOT NULL,
    commit text NOT NULL,
    committed_at timestamptz NOT NULL,
    moved_from text,
    moved_to text,
    detected_at timestamptz NOT NULL,
    old_seen_at timestamptz,
    published_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_id, path, revision)
);
CREATE INDEX publication_by_revision ON publication (source_id, revision);

-- What the file at a path says, as the last sync that looked at it read it.
CREATE TABLE claim (
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    revision bigint NOT NULL,
    blob text NOT NULL,
    url text NOT NULL,
    is_slug boolean NOT NULL,
    PRIMARY KEY (source_id, path)
);
CREATE INDEX claim_by_url ON claim (source_id, url);
CREATE INDEX claim_by_revision ON claim (source_id, revision);

CREATE TABLE depends (
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    target text NOT NULL COLLATE "C",
    PRIMARY KEY (source_id, path, target)
);
CREATE INDEX depends_by_target ON depends (source_id, target);

CREATE TABLE covers (
    source_id int NOT NULL REFERENCES source,
    commit text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (source_id, commit)
);

CREATE TABLE generation (
    generation int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL,
    model text NOT NULL,
    dim int NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    promoted_at timestamptz
);
CREATE UNIQUE INDEX one_live_generation ON generation (state) WHERE state = 'live';

CREATE TABLE page_state (
    generation int NOT NULL REFERENCES generation,
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    revision bigint NOT NULL,
    is_deleted boolean NOT NULL,
    url text NOT NULL,
    title text NOT NULL,
    format text NOT NULL,
    blob text NOT NULL,
    commit text NOT NULL,
    committed_at timestamptz,
    indexed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, source_id, path)
) WITH (fillfactor = 80);
CREATE INDEX page_state_by_url ON page_state (generation, url) WHERE NOT is_deleted;

CREATE TABLE parked (
    generation int NOT NULL,
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    revision bigint NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, source_id, path, revision)
);

-- Document frequencies and mean lengths of one statistics epoch, per source.
CREATE TABLE lexical_source (
    generation int NOT NULL REFERENCES generation,
    source_id int NOT NULL REFERENCES source,
    epoch int NOT NULL,
    chunks bigint NOT NULL,
    total_length bigint NOT NULL,
    refreshed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, source_id)
);

CREATE TABLE lexical_term (
    generation int NOT NULL,
    source_id int NOT NULL,
    term text NOT NULL COLLATE "C",
    chunks bigint NOT NULL,
    PRIMARY KEY (generation, term, source_id)
);
