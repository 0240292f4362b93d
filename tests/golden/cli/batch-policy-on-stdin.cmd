bulkhead why - --batch
