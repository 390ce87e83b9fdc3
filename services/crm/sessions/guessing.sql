-- find_attempts
-- What is counted of some subjects.
SELECT subject_hash, failures, attempt_time, next_time
  FROM crm.sign_in_attempts
 WHERE subject_hash = ANY($1::bytea[]);

-- insert_attempts
-- Subjects that nobody has guessed at, at $2; those that are there are ours alone from now on.
INSERT INTO crm.sign_in_attempts (subject_hash, failures, attempt_time, next_time, keep_time)
SELECT s.subject_hash, 0, $2, $2, $3
  FROM unnest($1::bytea[]) WITH ORDINALITY AS s (subject_hash, place)
 ORDER BY s.place
ON CONFLICT (subject_hash) DO UPDATE
  SET keep_time = greatest(sign_in_attempts.keep_time, excluded.keep_time);

-- lock_attempts
-- The same, until the end of the transaction ours alone. In the order they are given, which is the
-- same everywhere: so two of these never wait for each other.
SELECT a.subject_hash, a.failures, a.attempt_time, a.next_time
  FROM crm.sign_in_attempts a
  JOIN unnest($1::bytea[]) WITH ORDINALITY AS s (subject_hash, place) USING (subject_hash)
 ORDER BY s.place
   FOR UPDATE OF a;

-- set_attempts
-- New counts; each is kept at least until $5.
UPDATE crm.sign_in_attempts a
   SET failures = n.failures, attempt_time = n.attempt_time, next_time = n.next_time,
       keep_time = greatest(a.keep_time, $5)
  FROM unnest($1::bytea[], $2::int[], $3::timestamptz[], $4::timestamptz[])
       AS n (subject_hash, failures, attempt_time, next_time)
 WHERE a.subject_hash = n.subject_hash;

-- know_address
-- Somebody signed in from here: until $3 this place has counts of its own.
INSERT INTO crm.sign_in_attempts (subject_hash, failures, attempt_time, next_time, keep_time)
SELECT unnest($1::bytea[]), 0, $2, $2, $3
ON CONFLICT (subject_hash) DO UPDATE
  SET failures = 0, next_time = excluded.next_time, keep_time = excluded.keep_time;

-- forget_old_attempts
-- Some counts nobody needs any more, $2 at the most: after a flood there are millions.
DELETE FROM crm.sign_in_attempts
 WHERE subject_hash IN (
         SELECT subject_hash FROM crm.sign_in_attempts WHERE keep_time < $1
          LIMIT $2
            FOR UPDATE SKIP LOCKED);
