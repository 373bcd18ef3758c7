-- Unset, as git has it: false would be a field that git does not know.
obj.spec.suspend = nil
return obj
