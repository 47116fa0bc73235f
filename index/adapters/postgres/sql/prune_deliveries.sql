-- Forget deliveries older than the given age: no forge sends one again so late.
DELETE FROM delivery WHERE received_at < now() - %(age)s::interval;
