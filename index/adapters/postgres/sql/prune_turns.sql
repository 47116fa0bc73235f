-- Forget turns that are too old, of any conversation, and what this one has too many of; at most `most` at once.
-- Locks what it deletes, and skips what another one is deleting.
DELETE FROM turn
 WHERE turn_id IN (
    SELECT turn_id FROM turn
     WHERE asked_at <= now() - %(age)s::interval
        OR turn_id IN (SELECT turn_id FROM turn WHERE conversation = %(conversation)s
                        ORDER BY turn_id DESC OFFSET %(turns)s)
     LIMIT %(most)s
       FOR UPDATE SKIP LOCKED);
