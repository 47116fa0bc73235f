-- Generations that a person builds, promotes and keeps; parkings that a person has dealt with; pages asked for anew.
ALTER TABLE generation DROP CONSTRAINT generation_state_check;
ALTER TABLE generation ADD CONSTRAINT generation_state_check CHECK (state IN ('building', 'live', 'kept', 'retired'));
-- Built by hand: promoted and dropped by hand alone.
ALTER TABLE generation ADD COLUMN is_by_hand boolean NOT NULL DEFAULT false;
-- Live by hand, and not what was configured then: no process switches away from it by itself.
ALTER TABLE generation ADD COLUMN is_pinned boolean NOT NULL DEFAULT false;

-- Dismissed: out of sight, and still the reason why the page is not behind at this revision.
ALTER TABLE parked ADD COLUMN dropped_at timestamptz;

-- Pages that the next sync of their source publishes anew, whatever the ledger says; gone once it has finished.
CREATE TABLE asked (
    source_id int NOT NULL REFERENCES source,
    path text NOT NULL COLLATE "C",
    ticket bigint GENERATED ALWAYS AS IDENTITY,
    asked_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source_id, path)
);
