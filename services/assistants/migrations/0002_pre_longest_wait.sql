-- migrate:up
-- A longest wait below the pause is no mistake: the longest wait counts.
ALTER TABLE assistants.assistants DROP CONSTRAINT assistants_check;
ALTER TABLE assistants.assistants ADD CONSTRAINT assistants_max_wait_check
  CHECK (max_wait >= interval '0');

-- migrate:down
ALTER TABLE assistants.assistants DROP CONSTRAINT assistants_max_wait_check;
UPDATE assistants.assistants SET max_wait = quiet_time WHERE max_wait < quiet_time;
ALTER TABLE assistants.assistants ADD CONSTRAINT assistants_check CHECK (max_wait >= quiet_time);
