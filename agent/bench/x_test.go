package bench_test
import "os"
var only = os.Getenv("ONLY")
