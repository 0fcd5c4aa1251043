"""How far a diabetes will have progressed in a year, from nine measures of today: an OpenWhisk action.

Called by `wsk action invoke`, in a sequence, by a trigger, and as a web action, `--web true` or `--web raw`.
"""
import base64
import csv
import io
import json
import os
from urllib.parse import parse_qsl

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, 'model.json')) as file:
    MODEL = json.load(file)
FIELDS = MODEL['fields']
NAMES = [field['name'] for field in FIELDS]


class Bad(Exception):
    """What was sent can't be used."""

    def __init__(self, message, status=400, **details):
        Exception.__init__(self, message)
        self.status = status
        self.body = dict(details, error=message)


def main(args):
    if '__ow_method' not in args:
        return plainly(args)
    try:
        answer = route(args)
    except Bad as problem:
        answer = {'statusCode': problem.status, 'body': problem.body}
    if 'headers' not in answer:
        answer['headers'] = {'Content-Type': 'application/json'}
    return answer


def plainly(args):
    try:
        if 'patients' in args:
            return {'predictions': many(args['patients'])}
        return predict(args)
    except Bad as problem:
        return {'error': {'statusCode': problem.status, 'body': problem.body}}


# --- over the web ---

def route(args):
    path = args['__ow_path'].rstrip('/')
    if path not in ROUTES:
        raise Bad('There is nothing at %s.' % path, 404, paths=sorted(ROUTES))
    return ROUTES[path](args)


def predictions(args):
    sending = args['__ow_method'] not in ('get', 'head') or any(name in NAMES for name in query_of(args))
    if not sending:
        return {'body': {'model': MODEL['about'], 'fields': FIELDS}}
    sent = sent_by(args)
    return {'body': many(sent) if isinstance(sent, list) else predict(sent)}


def picture(args):
    svg = chart(predict(sent_by(args)))
    return {'headers': {'Content-Type': 'image/svg+xml', 'Cache-Control': 'no-store'},
            'body': base64.b64encode(svg.encode()).decode()}


def tables(args):
    if args['__ow_method'] not in ('post', 'put'):
        return {'statusCode': 405, 'headers': {'Allow': 'POST, PUT', 'Content-Type': 'application/json'},
                'body': {'error': 'POST a CSV file here.'}}
    return {'headers': {'Content-Type': 'text/csv'}, 'body': table(text_of(args))}


ROUTES = {
    '': predictions,
    '/chart': picture,
    '/table': tables,
    '/docs': lambda args: {'statusCode': 302, 'headers': {'Location': 'https://hastie.su.domains/Papers/LARS/'}},
    '/ping': lambda args: {},
}


def query_of(args):
    """The query: of its own with --web raw, among the parameters with --web true."""
    if '__ow_query' in args:
        return dict(parse_qsl(args['__ow_query'], keep_blank_values=True))
    return {name: value for name, value in args.items() if not name.startswith('__ow_')}


def sent_by(args):
    """The measures as an object, or a list of such: query, form and JSON body together."""
    values = query_of(args)
    kind = content_type(args)
    if '__ow_query' in args and args.get('__ow_body'):
        if kind == 'application/json':
            try:
                body = json.loads(base64.b64decode(args['__ow_body']).decode())
            except ValueError:
                raise Bad('The body is no JSON.') from None
        elif kind == 'application/x-www-form-urlencoded':
            body = dict(parse_qsl(args['__ow_body'], keep_blank_values=True))
        else:
            raise Bad('Send JSON or a form.', 415)
    elif '__ow_body' in args and args['__ow_body'] != '':
        body = args['__ow_body']
        if kind != 'application/json':
            raise Bad('Send JSON or a form.', 415)
    else:
        return values
    if isinstance(body, dict):
        return dict(values, **body)
    if not isinstance(body, list):
        raise Bad('Send the measures as a JSON object, or a list of such.')
    return body


def content_type(args):
    return args['__ow_headers'].get('content-type', '').partition(';')[0].strip().lower()


def text_of(args):
    if content_type(args) not in ('text/csv', 'text/plain'):
        raise Bad('Send the table as text/csv.', 415)
    return args.get('__ow_body') or ''


# --- the model ---

def predict(given):
    """Progression after a year, the range in which four of five lie, and what raised or lowered it."""
    if not isinstance(given, dict):
        raise Bad('The measures of a patient must be an object.')
    values = measures(given)
    values['ratio'] = values['total_cholesterol'] / values['hdl']
    shares = {name: weight * (values[name] - mean) / spread for name, weight, mean, spread in MODEL['weights']}
    centre = MODEL['intercept'] + sum(shares.values())
    low, high = MODEL['interval']
    strongest = sorted(shares, key=lambda name: -abs(shares[name]))[:3]
    return {
        'progression': round(centre, 1),
        'range': [round(max(centre + low, 0), 1), round(centre + high, 1)],
        'because': [{'of': name, 'by': round(shares[name], 1)} for name in strongest],
    }


def measures(given):
    wrong = {}
    values = {}
    for field in FIELDS:
        name = field['name']
        try:
            value = float(given[name])
        except KeyError:
            wrong[name] = 'is missing'
            continue
        except (TypeError, ValueError):
            wrong[name] = 'is no number'
            continue
        if not field['least'] <= value <= field['most']:
            wrong[name] = 'must be from %g to %g %s' % (field['least'], field['most'], field['unit'])
        values[name] = value
    if wrong:
        raise Bad('Some measures can\'t be used.', fields=wrong)
    return values


def many(patients):
    if not isinstance(patients, list) or not 1 <= len(patients) <= 1000:
        raise Bad('Send a list of 1 to 1000 patients.')
    answers = []
    for number, patient in enumerate(patients):
        try:
            answers.append(predict(patient))
        except Bad as problem:
            raise Bad(str(problem), **dict(problem.body, patient=number)) from None
    return answers


def table(text):
    rows = csv.DictReader(io.StringIO(text))
    if not rows.fieldnames:
        raise Bad('The table is empty.')
    target = io.StringIO()
    writer = csv.writer(target, lineterminator='\n')
    writer.writerow([*rows.fieldnames, 'progression', 'low', 'high'])
    for number, row in enumerate(rows, 2):
        try:
            answer = predict(row)
        except Bad as problem:
            raise Bad(str(problem), **dict(problem.body, line=number)) from None
        writer.writerow([row[name] for name in rows.fieldnames] + [answer['progression']] + answer['range'])
    return target.getvalue()


def chart(answer):
    """The prediction within what was seen, from 0 to 360."""
    low, high = answer['range']
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 60" font-family="sans-serif" font-size="12">'
        '<rect y="20" width="360" height="8" fill="#ddd"/>'
        '<rect x="%.1f" y="20" width="%.1f" height="8" fill="#8ac"/>'
        '<circle cx="%.1f" cy="24" r="6" fill="#136"/>'
        '<text x="%.1f" y="50" text-anchor="middle">%.1f</text></svg>\n'
    ) % (low, high - low, answer['progression'], answer['progression'], answer['progression'])
