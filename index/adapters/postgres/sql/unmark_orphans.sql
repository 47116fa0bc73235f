-- Forget the notes on vectors that are in use again.
DELETE FROM {orphan} o WHERE EXISTS (SELECT FROM {chunk} c WHERE c.text_hash = o.text_hash);
