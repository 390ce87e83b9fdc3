-- insert_mail
-- An e-mail that waits to be sent.
INSERT INTO crm.mails (id, kind, language, recipient_hash, sealed, expire_time)
VALUES ($1, $2, $3, $4, $5, $6);

-- lease_mail
-- A waiting e-mail, for one sender alone until the lease ends.
UPDATE crm.mails SET lease_time = now() + interval '60 seconds'
 WHERE id = $1 AND state = 'queued' AND (lease_time IS NULL OR lease_time <= now())
RETURNING kind, language, sealed, lease_time, expire_time <= now() AS expired;

-- is_queued
-- Whether an e-mail still waits.
SELECT EXISTS (SELECT FROM crm.mails WHERE id = $1 AND state = 'queued');

-- release_mail
-- The e-mail waits on, and says why. $2 is the lease that is given back.
UPDATE crm.mails SET lease_time = NULL, reason = $3
 WHERE id = $1 AND state = 'queued' AND lease_time = $2;

-- settle_mail
-- The e-mail has reached its end: what it said and to whom is erased.
UPDATE crm.mails
   SET state = $2, reason = $3, sealed = NULL, lease_time = NULL,
       send_time = CASE WHEN $2 = 'sent' THEN now() END
 WHERE id = $1 AND state = 'queued';

-- get_waiting
-- How long an e-mail has to wait for at the most, if it waits.
SELECT expire_time FROM crm.mails WHERE id = $1 AND state = 'queued';

-- delete_mail
-- Forget that there was an e-mail.
DELETE FROM crm.mails WHERE id = $1;

-- withdraw_waiting
-- Take back what waits for somebody, also what is on its way: its row stays and is counted. $2 is
-- the kind; '' for all.
UPDATE crm.mails
   SET state = 'withdrawn', reason = '', sealed = NULL, lease_time = NULL
 WHERE recipient_hash = $1 AND state = 'queued' AND ($2 = '' OR kind = $2)
RETURNING id;

-- count_recent
-- How many e-mails of a kind were meant for somebody within a day, also those taken back.
SELECT count(*) FROM crm.mails
 WHERE recipient_hash = $1 AND kind = $2 AND create_time > now() - interval '1 day';

-- count_kind
-- The same, for anybody.
SELECT count(*) FROM crm.mails WHERE kind = $1 AND create_time > now() - interval '1 day';
