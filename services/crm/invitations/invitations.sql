-- list_invitations
-- One page of what can still be accepted, newest first. $1 is the last id already shown.
SELECT id, email, role, workspace_id, create_time, expire_time
  FROM crm.invitations
 WHERE expire_time > now() AND ($1::uuid IS NULL OR id < $1)
 ORDER BY id DESC
 LIMIT $2;

-- count_seats
-- The places that are taken: people, and who was invited. Whom $1 names is about to be replaced.
SELECT (SELECT count(*) FROM crm.users)
     + (SELECT count(*) FROM crm.invitations WHERE expire_time > now() AND email <> $1);

-- is_registered
-- Whether an address belongs to anybody, of any tenant.
SELECT EXISTS (SELECT FROM crm.email_routes WHERE email_hash = $1);

-- hold_role
-- What the caller is, and stays until this commits.
SELECT role FROM crm.users WHERE id = $1 FOR SHARE;

-- get_business
-- What an invitation says of the business, with the workspace kept from being deleted meanwhile.
SELECT t.name, t.language
  FROM crm.workspaces w
  JOIN crm.tenants t ON t.tenant_id = w.tenant_id
 WHERE w.id = $1
   FOR KEY SHARE OF w;

-- replace_invitation
-- The invitation of an address makes room for another.
DELETE FROM crm.invitations WHERE email = $1 RETURNING id, email;

-- insert_invitation
-- An invitation, and the way to find it by its secret.
WITH invitation AS (
  INSERT INTO crm.invitations (id, workspace_id, email, role, expire_time, creator)
  VALUES ($1, $2, $3, $4, $5, $6)
  RETURNING tenant_id, id, email, role, workspace_id, create_time, expire_time
), route AS (
  INSERT INTO crm.invitation_routes (secret_hash, tenant_id, invitation_id)
  SELECT $7, tenant_id, id FROM invitation
)
SELECT id, email, role, workspace_id, create_time, expire_time FROM invitation;

-- delete_invitation
-- The invitation is no more, and its secret finds nothing.
DELETE FROM crm.invitations WHERE id = $1 RETURNING id, email;

-- route_of_secret
-- The tenant an invitation is of, found before the tenant is known.
SELECT tenant_id, invitation_id FROM crm.invitation_routes WHERE secret_hash = $1;

-- get_invitation
-- An invitation that can be accepted, and whether its tenant is served.
SELECT i.id, i.email, i.role, i.workspace_id, t.status AS tenant_status
  FROM crm.invitations i
  JOIN crm.tenants t USING (tenant_id)
 WHERE i.id = $1 AND i.expire_time > now();

-- insert_user
-- Who was invited is a person of the tenant now.
INSERT INTO crm.users (id, workspace_id, email, password_hash, role, name)
VALUES ($1, $2, $3, $4, $5, $6);
