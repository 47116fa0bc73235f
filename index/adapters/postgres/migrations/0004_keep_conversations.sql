-- What was asked and answered in conversations, for the questions that follow; rows are dropped after a while.
-- `conversation` is the SHA-256 of an id that its owner alone knows, so that reading this table opens none.
CREATE TABLE turn (
    turn_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    conversation bytea NOT NULL,
    question text NOT NULL,
    answer text NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX turn_conversation ON turn (conversation, turn_id);
CREATE INDEX turn_asked_at ON turn (asked_at);
