bulkhead flows --suggest -f
