-- A condition counts only if it speaks of the newest spec; before that, health would flap.
local said = {}
for _, each in ipairs((obj.status or {}).conditions or {}) do
  if each.observedGeneration == obj.metadata.generation then
    said[each.type] = each
  end
end

local succeeded = said.Succeeded
if succeeded == nil then
  return {status = "Progressing", message = "waiting for the operator"}
end
if succeeded.status == "True" then
  return {status = "Healthy", message = succeeded.message}
end
if succeeded.status == "False" then
  return {status = "Degraded", message = succeeded.reason .. ": " .. succeeded.message}
end
if said.Suspended ~= nil and said.Suspended.status == "True" then
  return {status = "Suspended", message = said.Suspended.message}
end
return {status = "Progressing", message = succeeded.message}
