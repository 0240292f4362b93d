bulkhead check /dev/null
