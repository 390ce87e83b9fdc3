-- What becomes of an answer after the transcoder.
--
-- The transcoder's refusals name Protobuf types. A caller is told the field instead, in the body
-- that services give for the same mistake.
local STATUS = '{"code":3,"message":"The request has invalid fields: %s.","details":['
  .. '{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"INVALID_REQUEST",'
  .. '"domain":"malha","metadata":{"fields":"%s"}},'
  .. '{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":['
  .. '{"field":"%s","description":"%s","reason":""}]},'
  .. '{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"%s","servingData":""}]}'

local function camel(field)
  return (field:gsub("_(%l)", string.upper))
end

local function at_fault(said)
  local field = said:match('^Could not find field \\"(.-)\\" in the type')
  if field then
    return field, "is no field" -- As it was sent: it is nobody's name but the caller's.
  end
  field = said:match('non%-leaf field \\"(.-)\\"')
  if field then
    return camel(field), "is no field"
  end
  field = said:match('^([%w_.]+): invalid value') or said:match('of the field ([%w_.]+) is conflicting')
  if field then
    return camel(field), "has an invalid value"
  end
  return "request", "cannot be read"
end

local function name_the_field(handle)
  local body = handle:body()
  local text = body and body:getBytes(0, body:length()) or ""
  local said = text:match('"message":"The request is not valid%. (.*)"}')
  if not said then
    return
  end
  local field, description = at_fault(said)
  -- Nothing that JSON would have to escape.
  field = field:sub(1, 100):gsub("[^%w_.%%%-]", "?")
  local id = text:match('"requestId":"([%w-]*)"') or ""
  local length = body:setBytes(STATUS:format(field, field, field, description, id))
  handle:headers():replace("content-length", tostring(length))
end

-- A service tells limits and versions behind its reply, in the same frame as its status; telling
-- them before it would cost a batch of gRPC's own. REST callers read them in the headers.
local TOLD = {
  ["etag"] = true,
  ["idempotent-replayed"] = true,
  ["ratelimit-limit"] = true,
  ["ratelimit-policy"] = true,
  ["ratelimit-remaining"] = true,
  ["ratelimit-reset"] = true,
  ["retry-after"] = true,
  ["x-correlation-id"] = true,
}

local function move_trailers(handle)
  handle:body() -- Whoever waits for the whole answer has the headers still in hand.
  local trailers = handle:trailers()
  if not trailers then
    return
  end
  local headers = handle:headers()
  for name, value in pairs(trailers) do
    if TOLD[name] then
      headers:replace(name, value)
    end
  end
end

function envoy_on_response(handle)
  local status = handle:headers():get(":status")
  if status == "400" then
    name_the_field(handle)
  elseif status == "401" then -- RFC 9110, 11.6.1: how to identify.
    handle:headers():add("www-authenticate", 'Bearer realm="malha"')
  end
  move_trailers(handle)
end
