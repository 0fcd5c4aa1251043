"""Trains the model, prints its accuracy on held-out patients, writes ../model.json and ../samples/."""
import csv
import json
import math
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.preprocessing import StandardScaler

MODEL = Path(__file__).resolve().parent.parent
SEED = 2004
# Name, unit, and what is taken for a slip of the pen beyond what was seen.
FIELDS = [
    ('age', 'years', 15, 100), ('sex', '(1 or 2, as in the data)', 1, 2), ('bmi', 'kg/m2', 12, 60),
    ('blood_pressure', 'mmHg, mean arterial', 40, 180), ('total_cholesterol', 'mg/dl', 60, 450),
    ('ldl', 'mg/dl', 20, 350), ('hdl', 'mg/dl', 10, 150), ('triglycerides', 'mg/dl', 15, 1500),
    ('glucose', 'mg/dl', 40, 400),
]


def data():
    """Nine measures and the progression; the data has ln(triglycerides), and the ratio is computed by main.py too."""
    table = load_diabetes(scaled=False)
    age, sex, bmi, pressure, total, ldl, hdl, _, log_triglycerides, glucose = table.data.T
    columns = [age, sex, bmi, pressure, total, ldl, hdl, np.exp(log_triglycerides).round(), glucose]
    return np.column_stack(columns), table.target


def features(measures):
    return np.column_stack([measures, measures[:, 4] / measures[:, 6]])


def main():
    measures, target = data()
    known, held_out, known_target, held_target = train_test_split(measures, target, test_size=0.2, random_state=SEED)
    scaler = StandardScaler().fit(features(known))
    model = RidgeCV(np.logspace(-2, 3, 26)).fit(scaler.transform(features(known)), known_target)
    errors = known_target - cross_val_predict(model, scaler.transform(features(known)), known_target, cv=10)
    low, high = np.quantile(errors, [0.1, 0.9])
    guessed = model.predict(scaler.transform(features(held_out)))
    off = np.abs(guessed - held_target)
    mean = np.abs(known_target.mean() - held_target).mean()
    inside = ((guessed + low <= held_target) & (held_target <= guessed + high)).mean()
    r2 = 1 - ((guessed - held_target) ** 2).sum() / ((held_target - held_target.mean()) ** 2).sum()
    print(f'held out: {len(off)}, mean error {off.mean():.1f} (of the mean alone {mean:.1f})')
    print(f'R2 {r2:.2f}, in range {inside:.1%}')
    names = [name for name, *_ in FIELDS] + ['ratio']
    (MODEL / 'model.json').write_text(json.dumps({
        'about': 'Progression of diabetes after a year (a demonstration, not a medical device)',
        'fields': [{'name': name, 'unit': unit, 'least': least, 'most': most} for name, unit, least, most in FIELDS],
        'intercept': round(float(model.intercept_), 4),
        'interval': [round(float(low), 2), round(float(high), 2)],
        'weights': [
            [name, round(float(weight), 5), round(float(centre), 5), round(float(spread), 5)]
            for name, weight, centre, spread in zip(names, model.coef_, scaler.mean_, scaler.scale_, strict=True)
        ],
    }, indent=1) + '\n')
    with open(MODEL / 'samples' / 'held-out.csv', 'w', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow([*names[:-1], 'after_a_year'])
        for row, after in zip(held_out, held_target, strict=True):
            writer.writerow([f'{value:g}' for value in (*row, after)])
    one = {name: float(f'{value:g}') for name, value in zip(names[:-1], held_out[0], strict=True)}
    (MODEL / 'samples' / 'one.json').write_text(json.dumps(one) + '\n')
    assert all(math.isfinite(value) for value in one.values())


if __name__ == '__main__':
    main()
