from api import app

app.run(port=5000)
