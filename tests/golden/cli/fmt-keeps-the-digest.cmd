bulkhead check --json shop.yaml | grep -o "digest.*" >d; bulkhead fmt shop.yaml | bulkhead check --json - | grep -o "digest.*" | cmp - d && rm d
