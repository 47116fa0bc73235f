-- Records of a broker that were no event: where each came from, why it could not be read, and its first KiB.
CREATE TABLE undecodable (
    topic text NOT NULL,
    partition int NOT NULL,
    "offset" bigint NOT NULL,
    key bytea,
    head bytea,
    reason text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, "offset")
);
