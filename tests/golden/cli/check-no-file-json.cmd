bulkhead check nowhere.yaml --json
