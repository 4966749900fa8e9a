from campuswatch.main import main

main()
