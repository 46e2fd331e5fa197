"""What the verdicts of windows say again and again, for compressing them: keys and sentences.

It is part of the form of what is kept: never change it, nor a character of it. What is better gets another
name here and another mark in `mirante.store.packing`.
"""

from __future__ import annotations

__all__ = ["WORDS"]

_LINES = (
    '"faults":{"count":1,"names":1},"agents":{"passed":1,"windows":24,"duplicates","out_of_range","new_',
    'category","reason":"rows","detail":"no labels","labels cannot be read","median "mean "standard dev',
    'iation "skew ~ moved mainly where : there ( of rows), elsewhere.~ also moved where ~: missing valu',
    "es changed mainly where ~ mudou: n\\u00e3o pode ser julgada: a janela n\\u00e3o tem valores (; linha",
    "s insuficientes para ver menos que ~ mudou nas \\u00faltimas 4 janelas: desvio-padr\\u00e3o m\\u00e9d",
    "ia mediana varia\\u00e7\\u00e3o total 0,1 ~ est\\u00e1 est\\u00e1vel: dist\\u00e2ncia KS 0,03 (limite 0",
    ',14); 900 linhas contra 1.000.","~: 0 % ausentes (limite 2,2 %, 0 % na refer\\u00eancia); 900 linha',
    's."," cannot be judged: the window has no values (above 1e-05 below 1e-300 unknown; too few rows t',
    "o see any shift; ~ moved over the last 4 windows: in 58 % of pairs its value is larger than the ba",
    "seline's (limit 55 %), p 1e-05; share of level 12 % (limit 9 %), chi-squared 12.5 (limit 11.2), me",
    'an 1 -> 2, standard deviation 1 -> 2, "missing","too few rows to see less than 0.14; ","skew 0 -> ',
    '1","share","chi2","mannwhitney","isolation_forest",[{"outliers":10,"top_outliers":[{"id":"","time"',
    ':"2026-01-01T00:00:00+00:00","score":-1.1,"method":"robust_z","columns":[{"column":"","value":"","',
    'contribution":1.0},{"column":"","value":0.0,"contribution":0.0}]},{"id":""performance":{"labels":1',
    '00.0,"labels_missing":0.0,"labels_share":1.0,"accuracy":0.5,"balanced_accuracy":0.5,"precision":0.',
    '5,"recall":0.5,"f1":0.5,"roc_auc":0.5,"average_precision":0.5,"log_loss":0.5,"brier":0.2,"base_rat',
    'e":0.5,"calibration_error":0.1,"calibration_error_expected":0.1,"mae":1.0,"mse":1.0,"rmse":1.0,"r2',
    '":0.5,"bias":0.0},"performance":null,"timezone":"UTC","drifted":true,"drifted":false,"drift_share"',
    ':0.0,"columns":null,"latency":{"mean":0.01,"p50":0.01,"p95":0.01,"p99":0.01},"latency":{},"limits"',
    ':[],"windows":24,"limits":[{"limit":"row_count","column":"","value":900.0,"sentence":"100 rows cam',
    'e; normal windows of this kind have 90 to 110."}],"estimated":{"measures":{"accuracy":{"value":0.7',
    '5,"lower":0.7,"upper":0.8,"threshold":0.6,"beyond":false},"roc_auc":{"value":0.8,"lower":0.7,"uppe',
    'r":0.8,"threshold":0.7,"beyond":false},"f1":{"value":0.75,"lower":0.7,"upper":0.8,"threshold":0.6,',
    '"beyond":true},"precision":{"value":"recall":{"value":"brier":{"value":"log_loss":{"value":"mae":{',
    '"value":"rmse":{"value":,"sentence":"","realised":{"intervals":{"accuracy":["balanced_accuracy":["',
    'precision":["recall":["f1":["roc_auc":["average_precision":["log_loss":["brier":["base_rate":["cal',
    'ibration_error":[]},"reasons":{},"reliability":[["baseline_reliability":[[,"final":false}},"final"',
    ':true}},{"columns":[["feature_0","prediction"],[0,0,0,0,1,1,1,1,1,1,1,1],[["n_baseline","n_window"',
    ',"is missing""range",["column","kind","drifted","level","scale","score","value","threshold","p_val',
    'ue","effect","direction","n_baseline","n_window","smallest_effect","scores","missing_ratio","missi',
    'ng_threshold","missing_detected","new_category_ratio","sentence","missing_sentence"],[{"=":"~"},{"',
    '=":"categorical"},{"=":false},[false,false,false,true,false],{"=":0.0001},{"=":1},{"=":"total_vari',
    'ation"},["total_variation","share",[0.05,0.06,{"=":1.0},[1.0,1.0,1.0,["level 1: 10 % -> 9.5 %",{"=',
    '":1000},{"=":900},{"#":[["psi","jensenshannon","hellinger","total_variation","l_infinity","chi2","',
    'p_value","effect","detected"],[[0.02{"=":0.0}],[]]},{"=":0.0},{"=":0.02},{"=":false},{"=":0.0},["~',
    ' is steady: total variation 0.06 (limit above 1, which no distance is); 900 rows against 1,000.","',
    '~ is steady: total variation 0.06 (limit 0.15); 900 rows against 1,000.",{"=":"~: 0 % missing (lim',
    'it 2.2 %, 0 % in the baseline); 900 rows."}],[0,19,20]],[["column","kind","drifted","level","scale',
    '","score","value","threshold","p_value","effect","direction","n_baseline","n_window","smallest_eff',
    'ect","scores","missing_ratio","missing_threshold","missing_detected","new_category_ratio","sentenc',
    'e","missing_sentence"],[{"=":"~"},{"=":"numeric"},{"=":false},{"=":0.0001},{"=":1},{"=":"ks"},["ks',
    '","ks","ks","mannwhitney",[0.03,0.04,[1.0,1.0,1.0,["median 0.5 -> 0.6","standard deviation 1 -> 1.',
    '1","mean 0.5 -> 0.6",null,null],{"=":1000},{"=":900},{"#":[["psi","jensenshannon","hellinger","tot',
    'al_variation","ks","wasserstein","p_value","effect","detected"],[[0.02,0.02,0.03,[0.05,0.06,{"=":0',
    '.0}],[]]},[0.0,0.0,0.0],{"=":0.0},{"=":0.02},[false,false,false],{"=":false},{"=":null},{"=":0.0},',
    '["~ moved: KS distance 0.25 (limit 0.14), median 0.5 -> 0.7, p 1e-05; 900 rows against 1,000.","~ ',
    "is steady: KS distance 0.03 (limit 0.14); too few rows to see less than 0.14; 900 rows against 1,0",
    '00.",["~: 0 % missing (limit 2.2 %, 0 % in the baseline); 900 rows.",{"=":"~: 0 % missing (limit 2',
    '.2 %, 0 % in the baseline); 900 rows."}],[0,19,20]]]]}]',
)
WORDS = "".join(_LINES).encode("ascii")
"""Some thousand bytes that texts like verdicts have in common with each other."""
