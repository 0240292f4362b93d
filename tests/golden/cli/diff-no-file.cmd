bulkhead diff small.yaml nowhere.yaml
