-- migrate:up
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;
SELECT install_service('knowledge');

CREATE TABLE knowledge.documents (
  tenant_id      uuid NOT NULL DEFAULT current_tenant(),
  id             uuid NOT NULL,
  workspace_id   uuid NOT NULL,
  assistant_id   uuid NOT NULL,
  title          text NOT NULL CHECK (title <> ''),
  -- Kept, so that another model can read it.
  text           text NOT NULL CHECK (text <> ''),
  -- 1 queued, 2 ready, 3 failed: malha.knowledge.v1.DocumentStatus.
  status         int NOT NULL DEFAULT 1 CHECK (status IN (1, 2, 3)),
  failure_reason text NOT NULL DEFAULT '' CHECK ((failure_reason <> '') = (status = 3)),
  passage_count  int NOT NULL DEFAULT 0,
  -- Of the text, the model and the way of cutting that its passages were made with.
  fingerprint    bytea,
  resends        int NOT NULL DEFAULT 0,
  create_time    timestamptz NOT NULL,
  index_time     timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX ON knowledge.documents (tenant_id, assistant_id, id);
SELECT isolate_by_tenant('knowledge.documents');

-- The vectors have no fixed length, so that a change of the model needs no change here. halfvec:
-- half the space, and the same order of results.
CREATE TABLE knowledge.passages (
  tenant_id   uuid NOT NULL DEFAULT current_tenant(),
  id          uuid NOT NULL,
  document_id uuid NOT NULL,
  position    int NOT NULL,
  text        text NOT NULL CHECK (text <> ''),
  embedding   halfvec NOT NULL,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, document_id, position),
  FOREIGN KEY (tenant_id, document_id) REFERENCES knowledge.documents (tenant_id, id)
    ON DELETE CASCADE
);
SELECT isolate_by_tenant('knowledge.passages');

-- One bit per dimension. Apart from the passages because every search reads all of an assistant's:
-- 150 bytes each here, 2,000 there.
CREATE TABLE knowledge.signatures (
  tenant_id    uuid NOT NULL DEFAULT current_tenant(),
  passage_id   uuid NOT NULL,
  assistant_id uuid NOT NULL,
  workspace_id uuid NOT NULL,
  model        text NOT NULL,
  dimensions   int NOT NULL,
  bits         bit varying NOT NULL CHECK (length(bits) = dimensions),
  PRIMARY KEY (tenant_id, passage_id),
  FOREIGN KEY (tenant_id, passage_id) REFERENCES knowledge.passages (tenant_id, id)
    ON DELETE CASCADE
);
CREATE INDEX ON knowledge.signatures (tenant_id, assistant_id, model, dimensions);
SELECT isolate_by_tenant('knowledge.signatures');

-- migrate:down
DROP TABLE knowledge.signatures;
DROP TABLE knowledge.passages;
DROP TABLE knowledge.documents;
SELECT uninstall_service('knowledge');
